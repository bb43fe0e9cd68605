extern int late_function(void);
int lazy_alone(void) { return 9; }
int lazy_function(void) { return late_function() + 1; }
