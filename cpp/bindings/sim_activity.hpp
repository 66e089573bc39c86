#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "sim/array.hpp"

/// What the bindings of all simulated arrays share.
namespace dnnaccel::bindings {

/// A dict of arrays, rows x columns: "active" and "gated" cycles, "first" and "last" active cycle
/// (-1: never), and "stalled", a dict of one by cause.
pybind11::object to_python(const sim::Activity& activity);

/// A dict: "cycles", "macs", "gated_macs", "reads" and "writes" (a list by level of lists by role)
/// and "activity".
pybind11::dict to_python(const sim::ArrayRun& run, int levels);

using RunProgress = std::optional<std::function<pybind11::object(std::uint64_t, std::uint64_t)>>;

/// What a run asks now and then: takes the GIL, raises what signals raise, and calls
/// progress(MACs done, MACs in all); a progress that returns False stops the run.
std::function<bool(std::uint64_t, std::uint64_t)> make_poll(const RunProgress& progress);

}  // namespace dnnaccel::bindings
