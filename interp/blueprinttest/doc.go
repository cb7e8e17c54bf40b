// Package blueprinttest runs the tests of blueprints that their authors write in CUE
// (schema.#Test): an action is planned and bound as in a run, with functions that do
// nothing but return what the test says, and what came is unified with what the test
// expects.
//
// It needs no cluster, and links none of its clients: the functions of package funcs
// stay away, and with them the executor of interp/run. Both go by the schedule of
// interp/schedule; this one calls one phase at a time, and a test compares what becomes of
// failures.
package blueprinttest
