#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/layout/kernels.hpp"
#include "kernels/layout/operator.hpp"
#include "kernels/split.hpp"

namespace dnnaccel::kernels {

namespace {

constexpr double kValueNanoseconds = 0.1;

Shape with_features(Shape tokens, std::int64_t features) {
  tokens.push_back(features);
  check_shape("embedding", tokens);
  return tokens;
}

class EmbeddingOperator final : public Operator {
 public:
  EmbeddingOperator(const Shape& tokens, std::vector<float> table, std::int64_t features,
                    const RunOptions& options)
      : Operator({{.element = Element::int32, .shape = tokens}},
                 {{.shape = with_features(tokens, features)}}),
        table_(std::move(table)),
        features_(features),
        entries_(static_cast<std::int64_t>(table_.size()) / features) {
    split_ = split_work(product(tokens, 0, tokens.size()),
                        kValueNanoseconds * static_cast<double>(features),
                        checked_threads("embedding", options.threads));
    start_workers(split_.threads);
    const KernelSet& kernels = find_kernels(options.isa);
    copy_ = kernels.layout->copy;
    info_ = {.isa = kernels.name,
             .algorithm = "embedding",
             .threads = split_.threads,
             .operations = outputs_[0].size(),
             .packed_bytes = table_.size() * sizeof(float)};
  }

  void run(const void* const* inputs, void* const* outputs, void*) const noexcept override {
    const auto* const tokens = static_cast<const std::int32_t*>(inputs[0]);
    auto* const to = static_cast<float*>(outputs[0]);
    run_split(split_, [&](unsigned, std::int64_t first, std::int64_t end) {
      for (std::int64_t i = first; i < end; ++i) {
        float* const row = to + i * features_;
        if (tokens[i] < 0 || tokens[i] >= entries_) {
          std::fill_n(row, features_, std::numeric_limits<float>::quiet_NaN());
        } else {
          copy_({.from = table_.data() + tokens[i] * features_,
                 .to = row,
                 .rows = 1,
                 .columns = features_});
        }
      }
    });
  }

 private:
  void (*copy_)(const MoveArgs&) noexcept = nullptr;
  std::vector<float> table_;
  std::int64_t features_;
  std::int64_t entries_;
  Split split_;  // of tokens
};

}  // namespace

std::unique_ptr<Operator> make_embedding(const Shape& tokens, std::vector<float> table,
                                         std::int64_t features, const RunOptions& options) {
  check_shape("embedding", tokens);
  check_range("embedding", "features", features, 1);
  return std::make_unique<EmbeddingOperator>(tokens, std::move(table), features, options);
}

}  // namespace dnnaccel::kernels
