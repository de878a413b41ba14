#pragma once

namespace gpusched::sim {

/// P(T > t) of Student's t with `degrees` >= 1 degrees of freedom. Abramowitz & Stegun 26.7.3, 26.7.4: exact sums.
double student_t_upper_tail(double t, int degrees);

/// The t with P(|T| <= t) = `confidence`, 0 < confidence < 1: 12.706 for 0.95 and 1 degree.
double student_t_two_sided(double confidence, int degrees);

}  // namespace gpusched::sim
