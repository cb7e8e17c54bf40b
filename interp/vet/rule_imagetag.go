package vet

import (
	"fmt"
	"strings"
)

// imageArguments are the arguments that name an image.
var imageArguments = []string{"image", "initImage", "backgroundImage", "outputImage"}

// imageTag warns of images that may be others tomorrow: a restore wants the program
// that made the backup.
func imageTag(o *outline) {
	o.eachPhase(func(p *outlinePhase) {
		for _, name := range imageArguments {
			checkImage(p.arg(name))
		}
		for _, c := range p.podContainers() {
			checkImage(c.get("image"))
		}
	})
}

func checkImage(v *outlineValue) {
	if v == nil || v.text == nil || len(v.text.forms) == 0 {
		return
	}
	// What the run fills in at the end may be or have the tag.
	image, trial := v.text.written(), v.text.forms[0]
	if image == "" || trial.piece(len(image)-1).value != nil || len(v.text.forms) > 1 {
		return
	}
	_, last, found := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":")
	f := Finding{Rule: ruleImageTag, Suggestion: "name the release, or the digest"}
	switch {
	case strings.Contains(image, "@"):
		return
	case !found:
		f.Message = "this image has no tag, so it is whatever is latest on that day"
	case last == "latest":
		f.Message = "what latest means changes with each release of the image"
	default:
		return
	}
	if strings.HasPrefix(image, "<") {
		f.Message = fmt.Sprintf("%s is a place to fill in", image[:strings.IndexByte(image+">", '>')+1])
	}
	v.text.mark(f)
}
