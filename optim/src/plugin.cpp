// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/optim/plugin.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace xgrad::optim {
namespace {

template <class... Parts> [[noreturn]] void refuse(const std::string& path, const Parts&... parts) {
  using xgrad::detail::append_text;
  std::string text = "plug-in \"" + path + "\" ";
  (append_text(text, parts), ...);
  throw PluginError(text);
}

}  // namespace

void load_plugin(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::exists(path, error)) refuse(path, "does not exist");
  const std::string file = fs::canonical(path, error).string();  // a path, so that no search path is tried
  static std::set<std::string> loaded;
  if (loaded.contains(file)) return;

  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) refuse(path, "is not a shared library that can be loaded: ", dlerror());
  const auto entry = reinterpret_cast<const Plugin* (*)()>(dlsym(library, "xgrad_plugin"));
  if (!entry) {
    dlclose(library);
    refuse(path, "has no function xgrad_plugin; one file of it must end in XGRAD_PLUGIN(\"name\", Rule...)");
  }
  const Plugin* const plugin = entry();
  const auto expected = static_cast<std::uint32_t>(sizeof(OptimizerRow));
  if (plugin->abi != kPluginAbi || plugin->row_size != expected) {
    const std::uint32_t abi = plugin->abi, size = plugin->row_size;
    dlclose(library);
    refuse(path, "was built for plug-in interface ", abi, " (rows of ", size, " bytes), this xgrad has ", kPluginAbi,
           " (", expected, "); build it again with this xgrad's headers and the same compiler");
  }
  std::vector<OptimizerRow> rows;
  plugin->add(rows);
  std::set<std::string_view> names;
  std::string taken;
  for (const OptimizerRow& row : rows)
    if (optimizers().find(row.name) || !names.insert(row.name).second) taken = row.name;
  if (!taken.empty()) {
    const std::string name = plugin->name;
    rows.clear();
    dlclose(library);
    refuse(path, "(", name, ") defines the optimizer \"", taken, "\", a name that is taken; give it another one");
  }
  for (OptimizerRow& row : rows) optimizers().add(std::move(row));
  loaded.insert(file);  // never closed: rows point into it
}

}  // namespace xgrad::optim
