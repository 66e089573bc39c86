#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/attention/softmax.hpp"
#include "kernels/matmul/rows.hpp"
#include "kernels/operator.hpp"
#include "kernels/tile.hpp"
#include "kernels/winograd/transform.hpp"

// Which kernels this build has and this processor can run.
namespace dnnaccel::kernels {

struct ElementwiseKernels;
struct LayoutKernels;
struct NormalizationKernels;
struct PoolingKernels;
struct CellKernels;
struct GemvKernels;
struct Bf16Kernels;
struct Int8Set;
struct Int8Values;
struct RowKernels;

/// Names of the variants that this processor can run, the fastest first. Some are for values of one
/// kind: with instructions for int8 or bfloat16 beyond those of the variant after it, whose kernels
/// it has for everything else.
std::vector<std::string> isa_names(Element element = Element::float32);

/// All kernels of one instruction set: a table for each family, in files compiled for it.
struct KernelSet {
  const char* name;
  const TileSet* tiles;
  const Bf16Kernels* bf16;
  const Int8Set* int8;
  const Int8Values* int8_values;
  const ElementwiseKernels* elementwise;
  const LayoutKernels* layout;
  const NormalizationKernels* normalization;
  const PoolingKernels* pooling;
  const CellKernels* cells;
  const GemvKernels* gemv;
  const MatmulKernels* matmul;
  const SoftmaxKernels* softmax;
  const WinogradKernels* winograd;
  const RowKernels* rows;
};

/// The kernels of a variant; "" for what the environment variable DNNACCEL_ISA names or, if that is
/// not set, the fastest for `element`. Throws std::invalid_argument for one that does not run here.
const KernelSet& find_kernels(std::string_view isa, Element element = Element::float32);

}  // namespace dnnaccel::kernels
