#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "arch/architecture.hpp"
#include "mapping/mapping.hpp"
#include "problem/problem.hpp"

/// Small problems, chips and mappings that several tests start from.
namespace dnnaccel::testing {

inline problem::Axis plain(int dim, std::int64_t bound) {
  return {.terms = {{.dim = dim}}, .offset = 0, .size = bound};
}

/// A one-dimensional convolution, or with R = 1 a matrix product: dims M, C, P, R in this order.
inline problem::Problem convolution(std::int64_t m, std::int64_t c, std::int64_t p, std::int64_t r,
                                    std::int64_t stride = 1, std::int64_t padding = 0) {
  const std::int64_t rows = (p - 1) * stride + r - 2 * padding;
  problem::Problem out{.dim_names = {"M", "C", "P", "R"}, .bounds = {m, c, p, r}};
  out.tensors[0] = {
      .role = problem::Role::inputs,
      .axes = {plain(1, c),
               {.terms = {{.dim = 2, .coefficient = stride}, {.dim = 3, .coefficient = 1}},
                .offset = -padding,
                .size = rows}}};
  out.tensors[1] = {.role = problem::Role::weights,
                    .axes = {plain(0, m), plain(1, c), plain(3, r)}};
  out.tensors[2] = {.role = problem::Role::outputs, .axes = {plain(0, m), plain(2, p)}};
  return out;
}

inline constexpr int kM = 0;
inline constexpr int kC = 1;
inline constexpr int kP = 2;
inline constexpr int kR = 3;

/// A memory above an array of PEs with a register file each.
inline arch::Architecture two_levels(std::int64_t rows, std::int64_t columns,
                                     std::uint64_t register_words) {
  return {.levels = {arch::Memory{.name = "ram", .read_energy = 100, .write_energy = 100},
                     arch::Array{.name = "pes",
                                 .rows = rows,
                                 .columns = columns,
                                 .multicast = {.all = true, .names = {}},
                                 .reduce = {.all = true, .names = {}}},
                     arch::Memory{.name = "rf",
                                  .capacity_words = register_words,
                                  .read_energy = 1,
                                  .write_energy = 1}},
          .mac_energy = 1};
}

/// counting.md section 6: ram: loops `outer`/1, P/3 (3 then 1); P/1 over 3 PEs; rf: loop R/1.
inline mapping::Mapping example_nest(int outer = kM) {
  return {.levels = {{.loops = {{.dim = outer, .tile = 1}, {.dim = kP, .tile = 3}}, .keeps = 7},
                     {.loops = {{.dim = kP, .tile = 1}}, .keeps = 0},
                     {.loops = {{.dim = kR, .tile = 1}}, .keeps = 7}}};
}

/// Three PEs below a network that multicasts over P and adds nothing up.
inline arch::Architecture example_chip(std::uint32_t forwards = 0) {
  arch::Architecture chip = two_levels(3, 1, 8);
  auto& pes = std::get<arch::Array>(chip.levels[1]);
  pes.multicast = {.all = false, .names = {"P"}};
  pes.reduce = {.all = false, .names = {}};
  pes.forwards = forwards;
  return chip;
}

/// What an invalid_argument says, or "" if nothing is thrown.
template <typename Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

/// A refusal must say all of this: what is wrong, where, and what would be right.
inline void check_says(const std::string& message, const std::vector<std::string>& parts) {
  CAPTURE(message);
  CHECK_FALSE(message.empty());
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(message.find(part) != std::string::npos);
  }
}

}  // namespace dnnaccel::testing
