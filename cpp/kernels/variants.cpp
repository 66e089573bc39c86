#include "kernels/variants.hpp"

#include <array>
#include <cstdlib>
#include <stdexcept>

#include "base/cpu_features.hpp"
#include "kernels/conv/rows.hpp"
#include "kernels/elementwise/kernels.hpp"
#include "kernels/gemm/variants.hpp"
#include "kernels/normalization/kernels.hpp"
#include "kernels/pooling/kernels.hpp"

namespace dnnaccel::kernels {

namespace {

struct Variant {
  KernelSet kernels;
  bool (*supported)(const base::CpuFeatures& cpu);
};

// The fastest first: the first that is supported wins. Tests and benchmarks go through all.
constexpr std::array kVariants = {
#if defined(DNNACCEL_X86_VARIANTS)
    Variant{{.name = "avx512",
             .tiles = &kAvx512Tiles,
             .elementwise = &kAvx512Elementwise,
             .normalization = &kAvx512Normalization,
             .pooling = &kAvx512Pooling,
             .rows = &kAvx512Rows},
            [](const base::CpuFeatures& cpu) { return cpu.avx512; }},
    Variant{{.name = "avx2",
             .tiles = &kAvx2Tiles,
             .elementwise = &kAvx2Elementwise,
             .normalization = &kAvx2Normalization,
             .pooling = &kAvx2Pooling,
             .rows = &kAvx2Rows},
            [](const base::CpuFeatures& cpu) { return cpu.avx2; }},
#elif defined(DNNACCEL_ARM_VARIANTS)
    Variant{{.name = "neon",
             .tiles = &kNeonTiles,
             .elementwise = &kNeonElementwise,
             .normalization = &kNeonNormalization,
             .pooling = &kNeonPooling,
             .rows = &kNeonRows},
            [](const base::CpuFeatures& cpu) { return cpu.neon; }},
#endif
    Variant{{.name = "portable",
             .tiles = &kPortableTiles,
             .elementwise = &kPortableElementwise,
             .normalization = &kPortableNormalization,
             .pooling = &kPortablePooling,
             .rows = &kPortableRows},
            [](const base::CpuFeatures&) { return true; }},
};

}  // namespace

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const Variant& variant : kVariants) {
    if (variant.supported(base::cpu_features())) names.emplace_back(variant.kernels.name);
  }
  return names;
}

const KernelSet& find_kernels(std::string_view isa) {
  std::string source = "isa";
  if (isa.empty()) {
    if (const char* forced = std::getenv("DNNACCEL_ISA")) {
      isa = forced;
      source = "DNNACCEL_ISA";
    }
  }
  for (const Variant& variant : kVariants) {
    if ((isa.empty() || isa == variant.kernels.name) && variant.supported(base::cpu_features()))
      return variant.kernels;
  }
  std::string valid;
  for (const std::string& name : isa_names()) valid += (valid.empty() ? "" : ", ") + name;
  throw std::invalid_argument(source + ": no kernels for '" + std::string(isa) +
                              "' run on this machine; valid: " + valid);
}

}  // namespace dnnaccel::kernels
