#pragma once

#include <array>
#include <cstddef>

#include "mig_online_reference.hpp"

/// What moving running instances is worth on the workload of mig_online_reference.hpp.
namespace gpusched::published {

/// One cell: acceptance with one move when a request is blocked, its moves per arrival, and acceptance where everything
/// may be packed anew at every arrival.
struct MigReshapeCell {
  MigAcceptance one_move;
  double moves_per_arrival = 0;
  MigAcceptance free_repacking;
};

/// Source: as mig_references, means of 6 seeds. Cells by mix, then by load. The study moves the smallest instance that
/// helps.
inline constexpr std::array<MigReshapeCell, mig_cells> mig_reshape_reference = {{
    {{99.6, 99.3}, .007, {99.7, 99.6}},
    {{96.0, 92.7}, .046, {95.7, 93.9}},
    {{88.3, 79.9}, .091, {86.4, 81.1}},
    {{99.9, 99.7}, .003, {99.9, 99.9}},
    {{97.0, 93.5}, .035, {96.4, 94.7}},
    {{89.9, 80.6}, .080, {87.2, 81.7}},
    {{99.3, 99.0}, .010, {99.4, 99.2}},
    {{94.6, 92.3}, .055, {94.5, 93.1}},
    {{85.5, 79.8}, .108, {84.5, 80.7}},
    {{99.3, 98.6}, .007, {99.5, 99.2}},
    {{95.3, 91.4}, .031, {95.5, 93.0}},
    {{88.5, 78.9}, .057, {87.2, 80.4}},
}};

}  // namespace gpusched::published
