int late_function(void) { return 41; }
