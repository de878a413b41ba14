#include <exception>
#include <iostream>
#include <new>

#include "arguments.hpp"
#include "commands.hpp"

int main(int argc, char** argv) {
  using namespace gpusched;
  try {
    const cli::Arguments arguments = cli::parse_arguments(argc, argv);
    if (arguments.command.empty()) {
      return arguments.exit_code;
    }
    Status status;
    if (arguments.command == "run") status = cli::run(arguments.run);
    if (arguments.command == "compare") status = cli::compare(arguments.compare);
    if (arguments.command == "plan") status = cli::plan(arguments.plan);
    if (arguments.command == "generate") status = cli::generate(arguments.generate);
    if (arguments.command == "convert") status = cli::convert(arguments.convert);
    if (arguments.command == "fit") status = cli::fit(arguments.fit);
    if (arguments.command == "reshape") status = cli::reshape(arguments.reshape);
    if (arguments.command == "explain") status = cli::explain(arguments.explain);
    if (arguments.command == "exact") status = cli::exact(arguments.exact);
    if (arguments.command == "report") status = cli::report(arguments.report);
    if (arguments.command == "list") status = cli::list(arguments.list);
    if (!status) {
      std::cerr << "gpusched-sim: " << status.error().to_string() << "\n";
      return 1;
    }
    std::cout.flush();
    return std::cout.good() ? 0 : 1;
  } catch (const std::bad_alloc&) {
    std::cerr << "gpusched-sim: out of memory\n";
  } catch (const std::exception& bug) {
    std::cerr << "gpusched-sim: internal error, please report it: " << bug.what() << "\n";
  }
  return 1;
}
