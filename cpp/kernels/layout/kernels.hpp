#pragma once

#include <cstdint>

// The contract of the kernels that move values, and the tables of them: one for each instruction
// set, each in a file compiled for it.
namespace dnnaccel::kernels {

/// A matrix of `rows` by `columns`, whose rows are `from_step` values apart. It does not overlap
/// with where it is written.
struct MoveArgs {
  const float* from;
  std::int64_t from_step;
  float* to;
  std::int64_t to_step;
  std::int64_t rows;
  std::int64_t columns;
};

struct LayoutKernels {
  /// Rows to rows that are `to_step` values apart.
  void (*copy)(const MoveArgs&) noexcept;
  /// Columns to rows that are `to_step` values apart.
  void (*transpose)(const MoveArgs&) noexcept;
};

/// So few rows, written next to each other, or so few columns, read so, are dealt out like cards: a
/// call should have as much of the other as there is.
inline constexpr std::int64_t kMostDealt = 8;

extern const LayoutKernels kPortableLayout;
extern const LayoutKernels kAvx2Layout;
extern const LayoutKernels kAvx512Layout;
extern const LayoutKernels kNeonLayout;

}  // namespace dnnaccel::kernels
