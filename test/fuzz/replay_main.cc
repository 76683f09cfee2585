// Runs a fuzz target over every file of the folders given as arguments: the corpus as a unit test, without libFuzzer.
#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

bool ReadFile(const std::string& path, std::vector<uint8_t>* out) {
  FILE* file = fopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  out->clear();
  uint8_t piece[4096];
  for (size_t n = 0; (n = fread(piece, 1, sizeof(piece), file)) > 0;) out->insert(out->end(), piece, piece + n);
  fclose(file);
  return true;
}

// Files below `path`, in a fixed order.
void Collect(const std::string& path, std::vector<std::string>* files) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) return;
  if (!S_ISDIR(about.st_mode)) {
    files->push_back(path);
    return;
  }
  DIR* folder = opendir(path.c_str());
  if (folder == nullptr) return;
  while (const dirent* entry = readdir(folder)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") Collect(path + "/" + name, files);
  }
  closedir(folder);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) Collect(argv[i], &files);
  std::sort(files.begin(), files.end());
  std::vector<uint8_t> input;
  for (const std::string& file : files) {
    if (!ReadFile(file, &input)) {
      fprintf(stderr, "cannot read %s\n", file.c_str());
      return 1;
    }
    printf("%s: %zu bytes\n", file.c_str(), input.size());
    fflush(stdout);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  printf("%zu inputs replayed\n", files.size());
  // An empty corpus is a mistake in the build file, not a success.
  return files.empty() ? 1 : 0;
}
