#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bindings/bindings.hpp"
#include "bindings/operators.hpp"
#include "kernels/layout/operator.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using kernels::Shape;
using Two = std::array<std::int64_t, 2>;

std::unique_ptr<PyOperator> make_concat(const std::vector<Shape>& inputs, std::int64_t axis,
                                        unsigned threads, const std::string& isa) {
  return held(kernels::make_concat(inputs, axis, {.threads = threads, .isa = isa}));
}

std::unique_ptr<PyOperator> make_permute(const Shape& input, const std::vector<std::int64_t>& axes,
                                         unsigned threads, const std::string& isa) {
  return held(kernels::make_permute(input, axes, {.threads = threads, .isa = isa}));
}

std::unique_ptr<PyOperator> make_slice(const Shape& input, std::int64_t axis, std::int64_t start,
                                       std::int64_t stop, unsigned threads,
                                       const std::string& isa) {
  return held(kernels::make_slice(input, axis, start, stop, {.threads = threads, .isa = isa}));
}

std::unique_ptr<PyOperator> make_pad(const Shape& input, Two rows, Two columns, unsigned threads,
                                     const std::string& isa) {
  return held(kernels::make_pad(
      input, {.top = rows[0], .bottom = rows[1], .left = columns[0], .right = columns[1]},
      {.threads = threads, .isa = isa}));
}

std::unique_ptr<PyOperator> make_shuffle(const Shape& input, std::int64_t groups, unsigned threads,
                                         const std::string& isa) {
  return held(kernels::make_shuffle(input, groups, {.threads = threads, .isa = isa}));
}

std::unique_ptr<PyOperator> make_prepend(const Shape& input, const FloatArray& vector,
                                         unsigned threads, const std::string& isa) {
  return held(kernels::make_prepend(input, values_of(vector), {.threads = threads, .isa = isa}));
}

std::unique_ptr<PyOperator> make_embedding(const Shape& tokens, const FloatArray& table,
                                           unsigned threads, const std::string& isa) {
  if (table.ndim() != 2)
    refuse("the table", "of two axes: entries, features; not " + std::to_string(table.ndim()));
  return held(kernels::make_embedding(tokens, values_of(table), table.shape(1),
                                      {.threads = threads, .isa = isa}));
}

}  // namespace

void register_kernels_layout(py::module_& module) {
  module.def("concat_operator", &make_concat, py::kw_only(), py::arg("inputs"), py::arg("axis"),
             py::arg("threads"), py::arg("isa"), "Tensors one after the other along an axis.");
  module.def("permute_operator", &make_permute, py::kw_only(), py::arg("input"), py::arg("axes"),
             py::arg("threads"), py::arg("isa"), "The axes in another order.");
  module.def("slice_operator", &make_slice, py::kw_only(), py::arg("input"), py::arg("axis"),
             py::arg("start"), py::arg("stop"), py::arg("threads"), py::arg("isa"),
             "A part of one axis.");
  module.def("pad_operator", &make_pad, py::kw_only(), py::arg("input"), py::arg("rows"),
             py::arg("columns"), py::arg("threads"), py::arg("isa"), "Zeros around NHWC images.");
  module.def("shuffle_operator", &make_shuffle, py::kw_only(), py::arg("input"), py::arg("groups"),
             py::arg("threads"), py::arg("isa"), "Channels of the last axis dealt out to groups.");
  module.def("prepend_operator", &make_prepend, py::kw_only(), py::arg("input"), py::arg("vector"),
             py::arg("threads"), py::arg("isa"), "A vector before each sequence of vectors.");
  module.def("embedding_operator", &make_embedding, py::kw_only(), py::arg("tokens"),
             py::arg("table"), py::arg("threads"), py::arg("isa"),
             "Rows of a table, as int32 tokens say.");
}

}  // namespace dnnaccel::bindings
