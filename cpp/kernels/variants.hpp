#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/tile.hpp"

// Which kernels this build has and this processor can run.
namespace dnnaccel::kernels {

struct ElementwiseKernels;
struct NormalizationKernels;
struct PoolingKernels;
struct RowKernels;

/// Names of the variants that this processor can run, the fastest first.
std::vector<std::string> isa_names();

/// All kernels of one instruction set: a table for each family, in files compiled for it.
struct KernelSet {
  const char* name;
  const TileSet* tiles;
  const ElementwiseKernels* elementwise;
  const NormalizationKernels* normalization;
  const PoolingKernels* pooling;
  const RowKernels* rows;
};

/// The kernels of a variant; "" for what the environment variable DNNACCEL_ISA names or, if that is
/// not set, the fastest. Throws std::invalid_argument for one that does not run here.
const KernelSet& find_kernels(std::string_view isa);

}  // namespace dnnaccel::kernels
