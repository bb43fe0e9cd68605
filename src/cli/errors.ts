/** Errors that a user of the command line sees: one line that says what to do, and an exit status. */

/** kevlar-jit's own failures, as docker and env(1) number them. */
export const EXIT_FAILURE = 125;
export const EXIT_NOT_EXECUTABLE = 126;
export const EXIT_NOT_FOUND = 127;

export class UserError extends Error {
  override name = 'UserError';
  readonly status: number;

  constructor(message: string, status: number = EXIT_FAILURE) {
    super(message);
    this.status = status;
  }
}
