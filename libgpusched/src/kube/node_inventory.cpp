#include "gpusched/kube/node_inventory.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <tuple>

#include "gpusched/kube/node_labels.hpp"
#include "gpusched/kube/quantity.hpp"
#include "gpusched/kube/resource_name.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

constexpr std::int64_t max_units = std::int64_t{1} << 24;
constexpr std::int64_t max_gpus = 4096;
constexpr std::int64_t max_replicas = 1'000'000;
constexpr std::int64_t max_gpu_memory_mib = std::int64_t{1} << 30;
constexpr std::string_view hami_register = "hami.io/node-nvidia-register";

using Texts = std::vector<std::pair<std::string, std::string>>;

const std::string* find_text(const Texts& texts, std::string_view key) {
  const auto place = std::find_if(texts.begin(), texts.end(), [&](const auto& entry) { return entry.first == key; });
  return place == texts.end() ? nullptr : &place->second;
}

/// A label's number; 0 where it is absent, no whole number or beyond `most`.
std::int64_t number_of(const Texts& labels, std::string_view key, std::int64_t most) {
  const std::string* const text = find_text(labels, key);
  std::int64_t number = 0;
  if (text != nullptr) {
    const auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), number);
    number = problem == std::errc() && end == text->data() + text->size() ? number : 0;
  }
  return number < 0 || number > most ? 0 : number;
}

std::int64_t divided_up(std::int64_t count, std::int64_t by) { return (count + by - 1) / by; }

/// What gpu.product says: "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb-SHARED" is model, profile and sharing in one.
struct Product {
  std::string_view model;
  std::string_view mig_profile;  ///< set under the strategy "single"
  bool shared = false;
};

Product product_of(std::string_view label) {
  Product product;
  if (const std::string_view suffix = node_label::product_shared_suffix; label.ends_with(suffix)) {
    product.shared = true;
    label.remove_suffix(suffix.size());
  }
  if (const std::size_t infix = label.find(node_label::product_mig_infix); infix != std::string_view::npos) {
    product.mig_profile = label.substr(infix + node_label::product_mig_infix.size());
    label = label.substr(0, infix);
  }
  product.model = label;
  return product;
}

/// One resource name and its counts.
struct Offer {
  GpuResource resource;
  std::int64_t allocatable = 0;
  std::int64_t units = 0;  ///< that exist, healthy or not
  std::int64_t replicas = 1;

  bool is_mig() const { return resource.kind == GpuResourceKind::mig; }
  /// Devices or instances behind the units.
  std::int64_t parts() const { return divided_up(units, replicas); }
};

class InventoryBuilder {
 public:
  explicit InventoryBuilder(const NodeObject& node) : node_(node) {}

  NodeInventory build() && {
    inventory_.spec.name = node_.name;
    inventory_.spec.labels = node_.labels;
    read_cpu_and_memory();
    read_offers();
    const std::string* const label = find_text(node_.labels, node_label::gpu_product);
    product_ = product_of(label == nullptr ? std::string_view() : std::string_view(*label));
    inventory_.gpu_product = product_.model;
    label_count_ = number_of(node_.labels, node_label::gpu_count, max_gpus * 16);
    const bool has_units = std::any_of(offers_.begin(), offers_.end(), [](const Offer& o) { return o.units > 0; });
    if (!has_units && (product_.model.empty() || label_count_ == 0) && !is_invalid()) {
      return std::move(inventory_);  // a node without GPUs; names left behind with 0 mean nothing
    }
    if (offers_.empty()) {
      offers_.push_back({});  // nvidia.com/gpu, none allocatable
    }
    set_replicas();
    set_sharing();
    set_gpus();
    set_resources();
    read_layout();
    report_missing_units();
    return std::move(inventory_);
  }

 private:
  void problem(std::string_view kind, std::string message, std::string remedy = {}) {
    inventory_.problems.push_back({.kind = std::string(kind),
                                   .message = "node '" + node_.name + "': " + std::move(message),
                                   .remedy = std::move(remedy)});
  }

  bool is_invalid() const { return product_.mig_profile == node_label::product_mig_invalid; }
  bool is_single() const { return !product_.mig_profile.empty(); }
  bool has_instances() const {
    return std::any_of(offers_.begin(), offers_.end(), [](const Offer& o) { return o.is_mig() && o.units > 0; });
  }
  bool is_mixed() const {
    const std::string* const strategy = find_text(node_.labels, node_label::mig_strategy);
    return !is_single() && ((strategy != nullptr && *strategy == "mixed") || has_instances());
  }

  void read_cpu_and_memory() {
    const ResourceList& amounts = node_.allocatable.empty() ? node_.capacity : node_.allocatable;
    for (const auto& [name, parse, amount] : {std::tuple("cpu", &parse_cpu_milli, &inventory_.spec.cpu_milli),
                                              std::tuple("memory", &parse_memory_mib, &inventory_.spec.memory_mib)}) {
      const std::string* const text = find_text(amounts, name);
      const Result<std::int64_t> value = parse(text == nullptr ? std::string_view() : std::string_view(*text));
      if (value) {
        *amount = value.value();
      } else {
        problem(node_problem::quantity_malformed, std::string(name) + ": " + value.error().message);
      }
    }
  }

  void read_offers() {
    for (const auto& [name, quantity] : node_.allocatable) {
      add_offer(name, quantity, /*is_allocatable=*/true);
    }
    for (const auto& [name, quantity] : node_.capacity) {
      add_offer(name, quantity, /*is_allocatable=*/node_.allocatable.empty());
    }
  }

  void add_offer(const std::string& name, const std::string& quantity, bool is_allocatable) {
    const Result<std::optional<GpuResource>> parsed = parse_resource_name(name);
    if (!parsed) {
      if (is_allocatable || find_text(node_.allocatable, name) == nullptr) {
        problem(node_problem::resource_not_supported, parsed.error().message);
      }
      return;
    }
    if (!parsed.value().has_value()) {
      return;
    }
    const Result<std::int64_t> count = parse_count(quantity);
    if (!count || count.value() > max_units) {
      problem(node_problem::quantity_malformed, name + " is '" + quantity + "'");
    }
    const std::int64_t units = count && count.value() <= max_units ? count.value() : 0;
    auto place = std::find_if(offers_.begin(), offers_.end(),
                              [&](const Offer& offer) { return offer.resource == *parsed.value(); });
    if (place == offers_.end()) {
      offers_.push_back({.resource = *parsed.value()});
      place = std::prev(offers_.end());
    }
    place->units = std::max(place->units, units);
    if (is_allocatable) {
      place->allocatable = units;
    }
  }

  void set_replicas() {
    const std::int64_t label = number_of(node_.labels, node_label::gpu_replicas, max_replicas);
    const bool renamed = std::any_of(offers_.begin(), offers_.end(), [](const Offer& offer) {
      return !offer.is_mig() && offer.resource.shared && offer.units > 0;
    });
    const bool is_hami = find_text(node_.annotations, hami_register) != nullptr;
    for (Offer& offer : offers_) {
      if (offer.is_mig()) {
        GpuResource plain = offer.resource;
        plain.shared = false;
        offer.replicas = number_of(node_.labels, resource_name(plain) + ".replicas", max_replicas);
      } else if (offer.resource.shared || !renamed) {
        offer.replicas = label;
        // Other device plugins share too, and -SHARED may come without the number: then the counts tell.
        const bool shared_by_counts = (product_.shared && label == 0) || (is_hami && label <= 1);
        if (shared_by_counts && label_count_ > 0 && offer.units % label_count_ == 0) {
          offer.replicas = offer.units / label_count_;
        }
      }
      offer.replicas = std::max<std::int64_t>(1, offer.replicas);
    }
  }

  std::int64_t device_replicas() const {
    std::int64_t replicas = 1;
    for (const Offer& offer : offers_) {
      replicas = offer.is_mig() ? replicas : std::max(replicas, offer.replicas);
    }
    return replicas;
  }

  void set_sharing() {
    NodeSpec& spec = inventory_.spec;
    const auto units_of = [&](bool mig, bool shared_only) {
      std::int64_t units = 0;
      for (const Offer& offer : offers_) {
        units += offer.is_mig() == mig && (!shared_only || offer.resource.shared) ? offer.units : 0;
      }
      return units;
    };
    const std::string* const strategy = find_text(node_.labels, node_label::gpu_sharing_strategy);
    const bool shared = device_replicas() > 1 || units_of(false, true) > 0;
    if (is_single()) {
      spec.sharing = NodeSharing::mig;
      return;
    }
    if (units_of(true, false) > 0) {
      // Whole GPUs and cut ones together: an idle GPU of such a node is whatever the mix has left.
      spec.sharing = units_of(false, false) > 0 ? NodeSharing::any : NodeSharing::mig;
    } else if (strategy != nullptr && *strategy == "mps") {
      spec.sharing = NodeSharing::mps;
    } else if (shared || (strategy != nullptr && *strategy == "time-slicing")) {
      spec.sharing = NodeSharing::time_slice;
    } else {
      spec.sharing = NodeSharing::exclusive;
    }
    spec.replicas = shared ? static_cast<std::int32_t>(device_replicas()) : 0;
  }

  bool is_whole(const Offer& offer) const {
    return !offer.is_mig() && !is_single() && offer.replicas == 1 && !offer.resource.shared;
  }

  /// Sets the model; false where the GPUs stay unknown.
  bool find_model() {
    if (product_.model.empty()) {
      problem(node_problem::gpu_product_missing, "offers GPUs but has no label nvidia.com/gpu.product",
              "GPU Feature Discovery writes it");
      return false;
    }
    if (is_invalid()) {
      problem(node_problem::mig_invalid, "has the product " + *find_text(node_.labels, node_label::gpu_product),
              "Cut every GPU into instances of one profile, or use the MIG strategy mixed");
      return false;
    }
    const Result<GpuModelId> model = find_gpu_model(product_.model);
    if (!model) {
      problem(node_problem::unknown_gpu_model, model.error().message, model.error().remedy);
      return false;
    }
    model_ = model.value();
    return true;
  }

  void set_gpus() {
    if (!find_model()) {
      return;
    }
    std::int64_t devices = 0;
    std::int64_t whole = 0;
    for (const Offer& offer : offers_) {
      devices += offer.is_mig() ? 0 : offer.parts();
      whole += is_whole(offer) ? offer.parts() : 0;
    }
    std::int64_t gpus = devices;
    if (is_single()) {
      gpus = gpus_below(devices > 0 ? devices : label_count_, product_.mig_profile);
    } else if (is_mixed()) {
      gpus = std::max(label_count_, devices + (label_count_ > 0 ? 0 : gpus_of_instances()));
    } else if (devices == 0) {
      gpus = label_count_;
      whole = device_replicas() == 1 ? label_count_ : 0;
    }
    if (gpus <= 0 || gpus > max_gpus || (has_instances() && label_count_ == 0)) {
      problem(node_problem::gpu_count_unknown, "labels and resources do not tell how many GPUs it has");
    }
    // Under the strategy "single" the label tells the memory of an instance.
    const std::int64_t memory = is_single() ? 0 : number_of(node_.labels, node_label::gpu_memory, max_gpu_memory_mib);
    gpus = gpus > max_gpus ? 0 : gpus;
    for (std::int64_t i = 0; i < gpus; ++i) {
      inventory_.spec.gpus.push_back({.model = model_, .memory_mib = memory, .fixed = i >= whole});
    }
  }

  /// The fewest GPUs that hold instances of one profile; 0 where the model does not have it.
  std::int64_t gpus_below(std::int64_t instances, std::string_view profile) const {
    const Result<MigProfileId> id = find_mig_profile(model_, profile);
    const std::optional<int> per_gpu =
        id ? gpu_model(model_).profiles[id.value().value].max_instances : std::optional<int>();
    return per_gpu && *per_gpu > 0 ? divided_up(instances, *per_gpu) : 0;
  }

  std::int64_t gpus_of_instances() const {
    std::int64_t units = 0;
    for (const Offer& offer : offers_) {
      const Result<MigProfileId> id =
          offer.is_mig() ? find_mig_profile(model_, offer.resource.mig_profile) : Result<MigProfileId>(MigProfileId{});
      units += id && id.value().valid() ? offer.parts() * gpu_model(model_).profiles[id.value().value].memory_units : 0;
    }
    const int per_gpu = gpu_model(model_).placement_units;
    return per_gpu > 0 ? divided_up(units, per_gpu) : 0;
  }

  void set_resources() {
    std::sort(offers_.begin(), offers_.end(),
              [](const Offer& a, const Offer& b) { return resource_name(a.resource) < resource_name(b.resource); });
    for (const Offer& offer : offers_) {
      std::string unit = offer.is_mig() ? offer.resource.mig_profile : std::string();
      if (!offer.is_mig() && is_single() && !is_invalid()) {
        // A label writes the profile as a resource name does; an unknown spelling stays as it is.
        const Result<std::string> profile = parse_mig_profile(product_.mig_profile);
        unit = profile ? profile.value() : std::string(product_.mig_profile);
      }
      inventory_.spec.resources.push_back({.mig_profile = offer.resource.mig_profile,
                                           .shared = offer.resource.shared,
                                           .whole_devices = is_whole(offer) && !inventory_.spec.gpus.empty(),
                                           .replicas = static_cast<std::int32_t>(offer.replicas),
                                           .allocatable = offer.allocatable,
                                           .unit_profile = offer.is_mig() ? std::string() : unit});
      inventory_.unit_profiles.push_back(std::move(unit));
    }
  }

  void read_layout() {
    const std::string* const text = find_text(node_.annotations, gpu_layout_annotation);
    if (text == nullptr || !model_.valid()) {
      return;
    }
    Result<std::vector<AnnotatedGpu>> layout = parse_gpu_layout_annotation(model_, *text);
    if (!layout) {
      problem(node_problem::gpu_layout_malformed, std::string(gpu_layout_annotation) + ": " + layout.error().message,
              layout.error().remedy);
      return;
    }
    if (const std::string difference = layout_difference(layout.value()); !difference.empty()) {
      problem(node_problem::gpu_layout_differs, std::string(gpu_layout_annotation) + " " + difference,
              "Write it anew whenever instances change");
      return;
    }
    inventory_.gpu_layout = std::move(layout).value();
    for (const AnnotatedGpu& gpu : inventory_.gpu_layout) {
      if (is_mixed() && inventory_.gpu_layout.size() == inventory_.spec.gpus.size() && device_replicas() == 1) {
        inventory_.spec.gpus[static_cast<std::size_t>(gpu.gpu)].fixed = gpu.mig_enabled;
      }
    }
  }

  /// What of a layout contradicts the counts; empty = nothing. No counts at all contradict nothing.
  std::string layout_difference(const std::vector<AnnotatedGpu>& layout) const {
    if (!layout.empty() && static_cast<std::size_t>(layout.back().gpu) >= inventory_.spec.gpus.size()) {
      return "names GPU " + std::to_string(layout.back().gpu) + " of " + std::to_string(inventory_.spec.gpus.size());
    }
    std::map<std::string, std::int64_t> instances;
    std::int64_t off = 0;
    for (const AnnotatedGpu& gpu : layout) {
      off += gpu.mig_enabled ? 0 : 1;
      for (const PlacedPartition& instance : gpu.instances) {
        ++instances[std::string(gpu_model(model_).profiles[instance.profile.value].name)];
      }
    }
    const bool is_complete = layout.size() == inventory_.spec.gpus.size();
    std::map<std::string, std::int64_t> counted;
    std::int64_t units = 0;
    for (std::size_t i = 0; i < offers_.size(); ++i) {
      counted[inventory_.unit_profiles[i]] += offers_[i].parts();
      units += offers_[i].units;
    }
    const std::int64_t devices = counted[""];
    counted.erase("");
    if (units == 0) {
      return {};
    }
    for (const auto& [profile, count] : instances) {
      const auto place = counted.find(profile);
      const std::int64_t most = place == counted.end() ? 0 : place->second;
      if (count > most || (is_complete && count < most)) {
        return "has " + std::to_string(count) + " instances " + profile + ", the node counts " + std::to_string(most);
      }
    }
    for (const auto& [profile, count] : counted) {
      if (is_complete && count > 0 && instances.count(profile) == 0) {
        return "has no instance " + profile + ", the node counts " + std::to_string(count);
      }
    }
    return off > devices || (is_complete && off < devices)
               ? "has " + std::to_string(off) + " GPUs with MIG off, the node counts " + std::to_string(devices)
               : std::string();
  }

  void report_missing_units() {
    const bool none = std::all_of(offers_.begin(), offers_.end(), [](const Offer& o) { return o.allocatable == 0; });
    if (none) {
      problem(node_problem::nothing_allocatable, "has GPUs, but none is allocatable",
              "The device plugin is starting or has stopped");
      return;
    }
    for (const Offer& offer : offers_) {
      // A name left behind by another configuration has units of its own name only in capacity, and those are stale.
      if (offer.allocatable < offer.units) {
        problem(node_problem::allocatable_below_capacity, resource_name(offer.resource) + ": " +
                                                              std::to_string(offer.allocatable) + " allocatable of " +
                                                              std::to_string(offer.units));
      }
    }
  }

  const NodeObject& node_;
  NodeInventory inventory_;
  std::vector<Offer> offers_;
  Product product_;
  GpuModelId model_;
  std::int64_t label_count_ = 0;  ///< GPUs, or instances under the strategy "single"
};

}  // namespace

NodeInventory node_inventory(const NodeObject& node) { return InventoryBuilder(node).build(); }

}  // namespace gpusched
