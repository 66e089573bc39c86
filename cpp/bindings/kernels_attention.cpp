#include <pybind11/stl.h>

#include <memory>
#include <string>

#include "bindings/bindings.hpp"
#include "bindings/operators.hpp"
#include "kernels/attention/operator.hpp"
#include "kernels/matmul/operator.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

using kernels::Shape;

namespace {

std::unique_ptr<PyOperator> make_attention(const Shape& queries, const Shape& keys,
                                           const Shape& values, std::int64_t heads, float scale,
                                           bool causal, const std::string& mask, bool lengths,
                                           std::int64_t q_pitch, std::int64_t k_pitch,
                                           std::int64_t v_pitch, std::int64_t out_pitch,
                                           unsigned threads, const std::string& isa) {
  return std::make_unique<PyOperator>(std::make_shared<kernels::AttentionOperator>(
      queries, keys, values,
      kernels::AttentionOptions{.heads = heads,
                                .scale = scale,
                                .causal = causal,
                                .mask = mask,
                                .lengths = lengths,
                                .threads = threads,
                                .isa = isa,
                                .q_pitch = q_pitch,
                                .k_pitch = k_pitch,
                                .v_pitch = v_pitch,
                                .out_pitch = out_pitch}));
}

std::unique_ptr<PyOperator> make_matmul(const Shape& left, const Shape& right, bool transpose_right,
                                        float factor, std::int64_t left_pitch,
                                        std::int64_t right_pitch, std::int64_t out_pitch,
                                        unsigned threads, const std::string& isa) {
  return std::make_unique<PyOperator>(std::make_shared<kernels::MatmulOperator>(
      left, right,
      kernels::MatmulOptions{.transpose_right = transpose_right,
                             .factor = factor,
                             .threads = threads,
                             .isa = isa,
                             .left_pitch = left_pitch,
                             .right_pitch = right_pitch,
                             .out_pitch = out_pitch}));
}

}  // namespace

void register_kernels_attention(py::module_& module) {
  module.def(
      "attention_operator", &make_attention, py::kw_only(), py::arg("queries"), py::arg("keys"),
      py::arg("values"), py::arg("heads"), py::arg("scale"), py::arg("causal") = false,
      py::arg("mask") = "none", py::arg("lengths") = false, py::arg("q_pitch") = 0,
      py::arg("k_pitch") = 0, py::arg("v_pitch") = 0, py::arg("out_pitch") = 0,
      py::arg("threads") = 1, py::arg("isa") = "",
      "Attention of several heads. Inputs: queries, keys, values, the mask if there is one,\n"
      "the number of keys of each sample if `lengths`.");
  module.def("matmul_operator", &make_matmul, py::kw_only(), py::arg("left"), py::arg("right"),
             py::arg("transpose_right") = false, py::arg("factor") = 1.0F,
             py::arg("left_pitch") = 0, py::arg("right_pitch") = 0, py::arg("out_pitch") = 0,
             py::arg("threads") = 1, py::arg("isa") = "", "A product of matrices, in batches.");
}

}  // namespace dnnaccel::bindings
