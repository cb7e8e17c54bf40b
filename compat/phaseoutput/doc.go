// Package phaseoutput is the protocol by which a command in a container hands
// values to later phases: lines of its standard output that hold
//
//	###Phase-output###: {"key":"name","value":"text"}
//
// It is Kanister's protocol, so that images made for Kanister work.
package phaseoutput

// Marker announces an output. It may stand in the middle of a line.
const Marker = "###Phase-output###:"

// record is what follows the marker. Other members are ignored.
type record struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}
