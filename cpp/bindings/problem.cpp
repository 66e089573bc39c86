#include "problem/problem.hpp"

#include <pybind11/stl.h>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

using problem::Problem;

namespace {

using TermTuple = std::tuple<int, std::int64_t>;
using AxisTuple = std::tuple<std::vector<TermTuple>, std::int64_t, std::int64_t>;

Problem make_problem(std::vector<std::string> dims, std::vector<std::int64_t> bounds,
                     const std::vector<std::vector<AxisTuple>>& tensors) {
  if (tensors.size() != problem::kRoles) {
    throw std::invalid_argument("problem: three tensors, for inputs, weights and outputs");
  }
  Problem out{.dim_names = std::move(dims), .bounds = std::move(bounds)};
  for (std::size_t r = 0; r < tensors.size(); ++r) {
    out.tensors[r].role = static_cast<problem::Role>(r);
    for (const auto& [terms, offset, size] : tensors[r]) {
      problem::Axis axis{.offset = offset, .size = size};
      for (const auto& [dim, coefficient] : terms) axis.terms.push_back({dim, coefficient});
      out.tensors[r].axes.push_back(std::move(axis));
    }
  }
  out.validate();
  return out;
}

}  // namespace

void register_problem(py::module_& module) {
  py::class_<Problem>(module, "Problem", "An extended einsum, lowered.")
      .def(py::init(&make_problem), py::arg("dims"), py::arg("bounds"), py::arg("tensors"),
           "tensors: for inputs, weights and outputs, the axes as ([(dim index, coefficient)], "
           "offset, size).")
      .def_property_readonly("macs", &Problem::macs);
}

}  // namespace dnnaccel::bindings
