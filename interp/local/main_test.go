package local

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(forgetEnv); dir != "" {
		forgetContainerMain(dir)
		return
	}
	ContainerMain()
	if dir := os.Getenv(holdEnv); dir != "" {
		holdCluster(dir)
	}
	goleak.VerifyTestMain(m)
}
