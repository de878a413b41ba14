#include "offered_cost.hpp"
