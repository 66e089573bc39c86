#include "bindings/bindings.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_core, module, py::mod_gil_not_used()) {
  module.doc() = "The C++ core of dnnaccel. Private: use the dnnaccel package.";
  module.attr("__version__") = DNNACCEL_VERSION;
  module.def(
      "build_config",
      [] {
        py::dict config;
        config["version"] = DNNACCEL_VERSION;
        config["compiler"] = DNNACCEL_COMPILER;
        config["build_type"] = DNNACCEL_BUILD_TYPE;
        config["pybind11"] = PYBIND11_TOSTRING(PYBIND11_VERSION_MAJOR) "." PYBIND11_TOSTRING(
            PYBIND11_VERSION_MINOR) "." PYBIND11_TOSTRING(PYBIND11_VERSION_MICRO);
        return config;
      },
      "How this copy of the core was built: version, compiler, build type, pybind11.");
  using namespace dnnaccel::bindings;
  register_base(module);
  register_problem(module);
  register_arch(module);
  register_mapping(module);
  register_cost(module);
  register_mapper(module);
  register_isca16(module);
  register_sparsity(module);
  register_scalesim(module);
  register_trace(module);
  register_systolic(module);
  register_adder_tree(module);
  register_row_stationary(module);
  register_dram(module);
  register_operators(module);  // before what makes them
  register_kernels(module);
  register_runtime(module);
  register_kernels_bf16(module);
  register_kernels_int8(module);
  register_kernels_pooling(module);
  register_kernels_elementwise(module);
  register_kernels_normalization(module);
  register_kernels_layout(module);
  register_kernels_recurrent(module);
  register_kernels_attention(module);
  register_kernels_tiled(module);
  register_kernels_winograd(module);
  register_tile_values(module);
  register_tile_time(module);
}
