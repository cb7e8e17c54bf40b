// Package blueprinttest runs the tests of blueprints that their authors write in CUE
// (schema.#Test): an action is planned and bound as in a run, with functions that do
// nothing but return what the test says, and what came is unified with what the test
// expects.
//
// It needs no cluster, and links none of its clients: the functions of package funcs
// stay away, and with them the executor of interp/run. Its order, and what becomes of
// a failure, are those of one phase at a time there; a test compares the two.
package blueprinttest
