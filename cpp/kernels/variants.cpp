#include "kernels/variants.hpp"

#include <array>
#include <cstdlib>
#include <stdexcept>

#include "base/cpu_features.hpp"
#include "kernels/bf16/kernels.hpp"
#include "kernels/conv/rows.hpp"
#include "kernels/elementwise/kernels.hpp"
#include "kernels/gemm/gemv.hpp"
#include "kernels/gemm/variants.hpp"
#include "kernels/int8/values.hpp"
#include "kernels/int8/variants.hpp"
#include "kernels/layout/kernels.hpp"
#include "kernels/normalization/kernels.hpp"
#include "kernels/pooling/kernels.hpp"
#include "kernels/recurrent/cell.hpp"
#include "kernels/winograd/variants.hpp"

namespace dnnaccel::kernels {

namespace {

struct Variant {
  KernelSet kernels;
  bool (*supported)(const base::CpuFeatures& cpu);
  Element element = Element::float32;  // what it is for; float32: everything

  bool runs() const { return supported(base::cpu_features()); }
  bool is_for(Element asked) const { return element == Element::float32 || element == asked; }
};

#if defined(DNNACCEL_X86_VARIANTS)
constexpr KernelSet kAvx512 = {.name = "avx512",
                               .tiles = &kAvx512Tiles,
                               .bf16 = &kAvx512Bf16,
                               .int8 = &kAvx512Int8,
                               .int8_values = &kAvx512Int8Values,
                               .elementwise = &kAvx512Elementwise,
                               .layout = &kAvx512Layout,
                               .normalization = &kAvx512Normalization,
                               .pooling = &kAvx512Pooling,
                               .cells = &kAvx512Cells,
                               .gemv = &kAvx512Gemv,
                               .matmul = &kAvx512Matmul,
                               .softmax = &kAvx512Softmax,
                               .winograd = &kAvx512Winograd,
                               .rows = &kAvx512Rows};

constexpr KernelSet with_vnni() {
  KernelSet kernels = kAvx512;
  kernels.name = "avx512_vnni";
  kernels.int8 = &kAvx512VnniInt8;
  return kernels;
}

constexpr KernelSet with_bf16() {
  KernelSet kernels = with_vnni();
  kernels.name = "avx512_bf16";
  kernels.bf16 = &kAvx512DotBf16;
  return kernels;
}
#endif

// The fastest first: the first that is supported wins. Tests and benchmarks go through all.
constexpr std::array kVariants = {
#if defined(DNNACCEL_X86_VARIANTS)
    Variant{with_bf16(),
            [](const base::CpuFeatures& cpu) { return cpu.avx512_bf16 && cpu.avx512_vnni; },
            Element::bfloat16},
    Variant{with_vnni(), [](const base::CpuFeatures& cpu) { return cpu.avx512_vnni; },
            Element::int8},
    Variant{kAvx512, [](const base::CpuFeatures& cpu) { return cpu.avx512; }},
    Variant{{.name = "avx2",
             .tiles = &kAvx2Tiles,
             .bf16 = &kAvx2Bf16,
             .int8 = &kAvx2Int8,
             .int8_values = &kAvx2Int8Values,
             .elementwise = &kAvx2Elementwise,
             .layout = &kAvx2Layout,
             .normalization = &kAvx2Normalization,
             .pooling = &kAvx2Pooling,
             .cells = &kAvx2Cells,
             .gemv = &kAvx2Gemv,
             .matmul = &kAvx2Matmul,
             .softmax = &kAvx2Softmax,
             .winograd = &kAvx2Winograd,
             .rows = &kAvx2Rows},
            [](const base::CpuFeatures& cpu) { return cpu.avx2; }},
#elif defined(DNNACCEL_ARM_VARIANTS)
    Variant{{.name = "neon",
             .tiles = &kNeonTiles,
             .bf16 = &kNeonBf16,
             .int8 = &kNeonInt8,
             .int8_values = &kNeonInt8Values,
             .elementwise = &kNeonElementwise,
             .layout = &kNeonLayout,
             .normalization = &kNeonNormalization,
             .pooling = &kNeonPooling,
             .cells = &kNeonCells,
             .gemv = &kNeonGemv,
             .matmul = &kNeonMatmul,
             .softmax = &kNeonSoftmax,
             .winograd = &kNeonWinograd,
             .rows = &kNeonRows},
            [](const base::CpuFeatures& cpu) { return cpu.neon; }},
#endif
    Variant{{.name = "portable",
             .tiles = &kPortableTiles,
             .bf16 = &kPortableBf16,
             .int8 = &kPortableInt8,
             .int8_values = &kPortableInt8Values,
             .elementwise = &kPortableElementwise,
             .layout = &kPortableLayout,
             .normalization = &kPortableNormalization,
             .pooling = &kPortablePooling,
             .cells = &kPortableCells,
             .gemv = &kPortableGemv,
             .matmul = &kPortableMatmul,
             .softmax = &kPortableSoftmax,
             .winograd = &kPortableWinograd,
             .rows = &kPortableRows},
            [](const base::CpuFeatures&) { return true; }},
};

}  // namespace

std::vector<std::string> isa_names(Element element) {
  std::vector<std::string> names;
  for (const Variant& variant : kVariants) {
    if (variant.runs() && variant.is_for(element)) names.emplace_back(variant.kernels.name);
  }
  return names;
}

const KernelSet& find_kernels(std::string_view isa, Element element) {
  std::string source = "isa";
  if (isa.empty()) {
    if (const char* forced = std::getenv("DNNACCEL_ISA")) {
      isa = forced;
      source = "DNNACCEL_ISA";
    }
  }
  for (const Variant& variant : kVariants) {
    const bool wanted = isa.empty() ? variant.is_for(element) : isa == variant.kernels.name;
    if (wanted && variant.runs()) return variant.kernels;
  }
  std::string valid;
  for (const std::string& name : isa_names(element)) valid += (valid.empty() ? "" : ", ") + name;
  throw std::invalid_argument(source + ": no kernels for '" + std::string(isa) +
                              "' run on this machine; valid: " + valid);
}

}  // namespace dnnaccel::kernels
