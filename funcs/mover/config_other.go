//go:build !linux

package mover

func newConfigFile(text []byte) (*configFile, error) { return newConfigOnDisk(text) }
