#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "bindings/bindings.hpp"
#include "bindings/operators.hpp"
#include "kernels/pooling/operator.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using Four = std::array<std::int64_t, 4>;
using Two = std::array<std::int64_t, 2>;

std::unique_ptr<PyOperator> make_pool(const std::string& kind, const Four& input, Two window,
                                      Two stride, Four padding, Two output, bool count_include_pad,
                                      unsigned threads, const std::string& isa,
                                      std::int64_t x_pitch, std::int64_t out_pitch) {
  return held(kernels::make_pool(kind,
                                 {.batch = input[0],
                                  .height = input[1],
                                  .width = input[2],
                                  .channels = input[3],
                                  .window_height = window[0],
                                  .window_width = window[1],
                                  .stride_height = stride[0],
                                  .stride_width = stride[1],
                                  .pad_top = padding[0],
                                  .pad_bottom = padding[1],
                                  .pad_left = padding[2],
                                  .pad_right = padding[3],
                                  .out_height = output[0],
                                  .out_width = output[1],
                                  .count_padding = count_include_pad,
                                  .x_pitch = x_pitch,
                                  .out_pitch = out_pitch},
                                 {.threads = threads, .isa = isa}));
}

std::unique_ptr<PyOperator> make_global_pool(const std::string& kind, const kernels::Shape& input,
                                             unsigned threads, const std::string& isa,
                                             std::int64_t x_pitch, std::int64_t out_pitch) {
  return held(
      kernels::make_global_pool(kind, input, x_pitch, out_pitch, {.threads = threads, .isa = isa}));
}

}  // namespace

void register_kernels_pooling(py::module_& module) {
  module.def("pool_operator", &make_pool, py::kw_only(), py::arg("kind"), py::arg("input"),
             py::arg("window"), py::arg("stride"), py::arg("padding"), py::arg("output"),
             py::arg("count_include_pad"), py::arg("threads"), py::arg("isa"),
             py::arg("x_pitch") = 0, py::arg("out_pitch") = 0,
             "The maximum or mean of windows over NHWC images.");
  module.def("global_pool_operator", &make_global_pool, py::kw_only(), py::arg("kind"),
             py::arg("input"), py::arg("threads"), py::arg("isa"), py::arg("x_pitch") = 0,
             py::arg("out_pitch") = 0, "The maximum or mean of each channel of NHWC images.");
}

}  // namespace dnnaccel::bindings
