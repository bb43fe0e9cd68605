int local_constructed;
__attribute__((constructor)) static void start(void) { local_constructed++; }
