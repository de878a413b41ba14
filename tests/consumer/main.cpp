#include <iostream>

#include "gpusched/base/version.hpp"

int main() { std::cout << "libgpusched " << gpusched::version() << " (" << gpusched::git_commit() << ")\n"; }
