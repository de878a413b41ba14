#pragma once

#include "gpusched/base/result.hpp"

#include "arguments.hpp"

namespace gpusched::cli {

Status run(const RunArguments& arguments);
Status compare(const CompareArguments& arguments);
Status plan(const PlanArguments& arguments);
Status generate(const GenerateArguments& arguments);
Status convert(const ConvertArguments& arguments);
Status fit(const FitArguments& arguments);
Status reshape(const ReshapeArguments& arguments);
Status explain(const ExplainArguments& arguments);
Status exact(const ExactArguments& arguments);
Status report(const ReportArguments& arguments);
Status list(const ListArguments& arguments);

}  // namespace gpusched::cli
