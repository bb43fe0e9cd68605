printf '%.20f\n' 0.1 3.14159265358979323846 1e-10 123456789.123456789
printf '%e %g %G %a\n' 12345.678 0.0001 1e100 1.5
printf '%10.3f|%-10.2f|%+.1f|% f\n' 2.71828 2.5 1.25 3
printf '%.0f %.0f %.0f %.0f\n' 0.5 1.5 2.5 3.5
printf '%f %f\n' inf nan | tr 'A-Z' 'a-z'
printf '%.50f\n' 0.1
printf '%g %g %g\n' 100000 1000000 1e-5
