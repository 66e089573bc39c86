#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/conv/shape.hpp"
#include "kernels/conv/windows.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/int8/tile.hpp"

// Weights of 8 bits in the order in which the kernels read them, and what their sums start with.
namespace dnnaccel::kernels {

/// Output channels that one kernel computes together.
struct Int8Panel {
  Int8Column kernels;
  std::int32_t first;       // output channel
  std::int32_t width;       // channels
  std::int32_t row_length;  // `width` filled up to whole vectors
  std::int32_t start;       // its first value in a row of starts, or of multipliers
  std::size_t weights;      // where its rows begin in the packed bytes
};

/// The weights as they are given: [output channel][channel of its group][row][column].
struct Int8Weights {
  const std::int8_t* values;
  const std::int32_t* bias;  // or null
  std::int64_t depth;        // channels of a group
  std::int64_t taps;
};

/// Bytes that begin at a cache line.
struct AlignedBytes {
  AlignedFloats memory;
  std::size_t size = 0;
  std::int8_t* data() const { return reinterpret_cast<std::int8_t*>(memory.data()); }
};

/// Lay out the panels' weights in quads. Each stretch of rows that a run is of has quads of its
/// own, unless the depth is a multiple of four: then every run is made of the same ones. Has the
/// runs say in which quad they begin.
AlignedBytes pack_quads(std::vector<Int8Panel>& panels, const Int8Weights& weights,
                        std::vector<Run>& runs);

/// Lay out the panels' weights for kernels that work channel by channel.
AlignedBytes pack_lanes(std::vector<Int8Panel>& panels, const Int8Weights& weights);

/// What the sums of each class of pixels, those with the same taps inside the image, start with:
/// bias - zero * (the sum of the weights of those taps). A row of `length` values for each class.
struct Starts {
  std::vector<std::int32_t> values;
  std::int32_t length;                // of a row, and of multipliers
  std::vector<std::int32_t> classes;  // by segment
};

/// For windows whose runs are as make_windows() made them. `zero` is that of the inputs as the
/// kernels multiply them.
Starts make_starts(std::vector<Int8Panel>& panels, const Int8Weights& weights,
                   const Windows& windows, std::int64_t run_depth, std::int32_t zero);

/// Throws std::invalid_argument if the sum of an output channel could leave 32 bits, for inputs
/// from `low` to `high` with the zero point `zero`.
void check_sums(const ConvShape& shape, const Int8Weights& weights, std::int32_t low,
                std::int32_t high, std::int32_t zero);

}  // namespace dnnaccel::kernels
