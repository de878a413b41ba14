# Script (cmake -P): makes one page of report.html, our scripts and styles beside it, and uPlot. OUTPUT, UPLOT_DIR.

foreach(part IN ITEMS report.css text.js charts.js gpu_map.js comparison.js page.js)
  string(REPLACE "." "_" name ${part})
  file(READ ${CMAKE_CURRENT_LIST_DIR}/${part} ${name})
endforeach()
file(READ ${UPLOT_DIR}/dist/uPlot.min.css uplot_css)
file(READ ${UPLOT_DIR}/dist/uPlot.iife.min.js uplot_js)
file(READ ${UPLOT_DIR}/LICENSE uplot_license)
set(DATA "@DATA@")  # stays: gpusched-sim puts a run's data there
configure_file(${CMAKE_CURRENT_LIST_DIR}/report.html ${OUTPUT} @ONLY)
