#include "gpusched/sim/student_t.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gpusched::sim {

double student_t_upper_tail(double t, int degrees) {
  if (t < 0) {
    return 1 - student_t_upper_tail(-t, degrees);
  }
  const double angle = std::atan(t / std::sqrt(static_cast<double>(degrees)));
  const double sine = std::sin(angle), cosine = std::cos(angle);
  const bool odd = degrees % 2 == 1;
  double term = odd ? cosine : 1;
  double sum = degrees == 1 ? 0 : term;
  for (int k = odd ? 3 : 2; k < degrees; k += 2) {
    term *= cosine * cosine * (k - 1) / k;
    sum += term;
  }
  const double inside = odd ? 2 / std::numbers::pi * (angle + sine * sum) : sine * sum;  // P(|T| <= t)
  return std::max(0.0, (1 - inside) / 2);
}

double student_t_two_sided(double confidence, int degrees) {
  const double tail = (1 - confidence) / 2;
  double low = 0, high = 1;
  while (student_t_upper_tail(high, degrees) > tail && high < 1e9) {
    high *= 2;
  }
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (student_t_upper_tail(middle, degrees) > tail ? low : high) = middle;
  }
  return high;
}

}  // namespace gpusched::sim
