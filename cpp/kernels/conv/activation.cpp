#include "kernels/conv/activation.hpp"

#include <stdexcept>
#include <string>

namespace dnnaccel::kernels {

RowFunction find_activation(const TileSet& tiles, std::string_view asked) {
  if (asked.empty()) return nullptr;
  if (asked == "sigmoid") return tiles.sigmoid;
  if (asked == "tanh") return tiles.tanh;
  throw std::invalid_argument("convolution: no activation '" + std::string(asked) +
                              "'; valid: sigmoid, tanh");
}

}  // namespace dnnaccel::kernels
