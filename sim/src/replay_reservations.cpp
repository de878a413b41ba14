#include "replay.hpp"

namespace gpusched::sim {

void Replay::hold(const GpuReservation& reservation, bool held) {
  for (const std::uint16_t gpu : reservation.gpus) {
    if (held) {
      observe({now_, GpuHeld{.node = reservation.node, .gpu = gpu}});
    } else {
      observe({now_, GpuReleased{.node = reservation.node, .gpu = gpu}});
    }
  }
  meter_.update(engine_.state(), reservation.node);
  resources_freed_ |= !held;
}

void Replay::serve_reservations() {
  if (!reservations_) {
    return;
  }
  for (;;) {
    if (const std::optional<std::uint32_t> unit = reservations_->first_ready(engine_.state())) {
      const std::uint32_t run = units_[*unit].run;
      leave_queue(*unit);
      if (try_start(*unit, true) || units_[*unit].run != run) {
        queue_->remove(waiting(*unit));
      } else {
        // Its GPUs are empty and yet no place for it: another rule keeps it out, and it waits for its turn again.
        schedule(reservations_->wait(*unit, now_), Kind::reserve, *unit, run);
      }
      continue;
    }
    const std::optional<std::uint32_t> unit = reservations_->next_due(now_);
    if (!unit) {
      return;
    }
    const RequestClassId request = class_of_spec_[spec_of_pod_[pods_of(*unit)[0].value]];
    std::optional<GpuReservation> chosen = reservations_->choose(engine_.state(), request, *unit);
    if (!chosen) {
      return;
    }
    hold(*chosen, true);
    reservations_->give(*std::move(chosen));
  }
}

void Replay::give_reservations_back(NodeId node) {
  if (!reservations_) {
    return;
  }
  for (const std::uint32_t unit : reservations_->units_on(node)) {
    leave_queue(unit);
    schedule(reservations_->wait(unit, now_), Kind::reserve, unit, units_[unit].run);
  }
}

}  // namespace gpusched::sim
