/* Packet mode of a pseudo-terminal's master (TIOCPKT in ioctl_tty(2)). */
#include "../contract.h"
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;

static void packet_mode(int on) { MUST(ioctl(master, TIOCPKT, &on)); }

static void open_pair(void) {
  struct termios raw;
  MUST(openpty(&master, &slave, NULL, NULL, NULL));
  MUST(tcgetattr(slave, &raw));
  raw.c_oflag &= ~OPOST;
  MUST(tcsetattr(slave, TCSANOW, &raw));
  MUST(fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK));
  packet_mode(1);
}

static void say_packet(void) {
  unsigned char got[64];
  usleep(20000);
  long n = read(master, got, sizeof got);
  if (n < 0) SAY("no packet: %s", contract_errno(errno));
  else if (n == 0) SAY("end");
  else SAY("packet %02x with \"%.*s\"", got[0], (int)n - 1, got + 1);
}

static void say_events(void) {
  struct pollfd p = {.fd = master, .events = POLLIN | POLLPRI};
  usleep(20000);
  MUST(poll(&p, 1, 0));
  SAY("in %d pri %d", !!(p.revents & POLLIN), !!(p.revents & POLLPRI));
}

static void change(unsigned set, unsigned clear, unsigned local) {
  struct termios t;
  MUST(tcgetattr(slave, &t));
  t.c_iflag = (t.c_iflag | set) & ~clear;
  t.c_lflag ^= local;
  MUST(tcsetattr(slave, TCSANOW, &t));
}

CONTRACT(packet_mode_can_be_asked_for) {
  int on = -1;
  open_pair();
  CHECK(ioctl(master, TIOCGPKT, &on));
  SAY("on: %d", on);
  packet_mode(0);
  CHECK(ioctl(master, TIOCGPKT, &on));
  SAY("on: %d", on);
  CHECK(ioctl(slave, TIOCPKT, &on));
  CHECK(ioctl(slave, TIOCGPKT, &on));
  CHECK(ioctl(master, TIOCPKT, NULL));
}

CONTRACT(data_comes_behind_a_zero) {
  unsigned char got[4];
  int n = 0;
  open_pair();
  say_packet();
  MUST(write(slave, "hello", 5));
  usleep(20000);
  CHECK(ioctl(master, FIONREAD, &n));
  SAY("%d bytes", n);
  VALUE(read(master, got, 1));
  VALUE(read(master, got, 3));
  SAY("%02x %c%c", got[0], got[1], got[2]);
  say_events();
  say_packet();
  say_events();
  packet_mode(0);
  MUST(write(slave, "plain", 5));
  usleep(20000);
  VALUE(read(master, got, 4));
}

CONTRACT(stopping_and_starting_make_packets) {
  open_pair();
  MUST(tcflow(slave, TCOOFF));
  say_events();
  say_packet();
  MUST(tcflow(slave, TCOON));
  say_packet();
  MUST(tcflow(slave, TCOOFF));
  MUST(tcflow(slave, TCOON));
  say_packet();
  say_packet();
}

CONTRACT(flow_characters_make_packets) {
  open_pair();
  MUST(write(master, "\023", 1));
  say_packet();
  MUST(write(master, "\021", 1));
  say_packet();
}

CONTRACT(flushing_makes_packets) {
  open_pair();
  MUST(tcflush(slave, TCIFLUSH));
  say_packet();
  MUST(tcflush(slave, TCOFLUSH));
  say_packet();
  MUST(tcflush(slave, TCIOFLUSH));
  say_packet();
  MUST(tcflush(master, TCIOFLUSH));
  say_packet();
}

CONTRACT(signal_characters_make_packets) {
  open_pair();
  MUST(write(master, "\003", 1));
  say_packet();
  say_packet();
  change(0, 0, NOFLSH);
  MUST(write(master, "\003", 1));
  say_packet();
}

CONTRACT(flow_control_settings_make_packets) {
  struct termios t;
  open_pair();
  change(0, IXON, 0);
  say_packet();
  change(IXON, 0, 0);
  say_packet();
  change(IXON, 0, 0);
  say_packet();
  MUST(tcgetattr(slave, &t));
  t.c_cc[VSTOP] = 'x';
  MUST(tcsetattr(slave, TCSANOW, &t));
  say_packet();
}

CONTRACT(external_processing_makes_packets) {
  open_pair();
  change(0, 0, EXTPROC);
  say_packet();
  change(0, 0, ECHO);
  say_packet();
  change(0, 0, EXTPROC);
  say_packet();
  change(0, 0, ECHO);
  say_packet();
}

CONTRACT(a_change_comes_before_data) {
  open_pair();
  MUST(write(slave, "data", 4));
  MUST(tcflow(slave, TCOOFF));
  say_events();
  say_packet();
  say_packet();
  say_packet();
}

CONTRACT(turning_it_on_forgets_changes) {
  open_pair();
  MUST(tcflow(slave, TCOOFF));
  packet_mode(1);
  say_packet();
  MUST(tcflow(slave, TCOON));
  packet_mode(0);
  MUST(tcflow(slave, TCOOFF));
  packet_mode(1);
  say_packet();
}

CONTRACT(a_change_wakes_a_reader) {
  unsigned char got = 0;
  open_pair();
  MUST(fcntl(master, F_SETFL, O_RDWR));
  if (MUST(fork()) == 0) {
    usleep(50000);
    tcflow(slave, TCOOFF);
    _exit(0);
  }
  VALUE(read(master, &got, 1));
  SAY("packet %02x", got);
  packet_mode(0);
}

CONTRACT(a_change_wakes_a_poller) {
  open_pair();
  if (MUST(fork()) == 0) {
    usleep(50000);
    tcflow(slave, TCOOFF);
    _exit(0);
  }
  struct pollfd p = {.fd = master, .events = POLLPRI};
  VALUE(poll(&p, 1, 5000));
  SAY("pri: %d", !!(p.revents & POLLPRI));
}

CONTRACT(the_last_slave_is_closed_in_packet_mode) {
  open_pair();
  MUST(write(slave, "last", 4));
  MUST(close(slave));
  say_packet();
  say_packet();
}
