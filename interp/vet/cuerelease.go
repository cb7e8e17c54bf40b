package vet

import "github.com/rescuecue/rescue/schema"

// checkCUE checks a package as it would be after an export.
func (r Release) checkCUE(u Unit) []Finding {
	c, ok := newCUEChecker(u)
	if !ok {
		return nil // It is reported that it cannot be loaded.
	}
	c.evaluate()
	c.findings = nil // What else is wrong is not the business of this release.
	for _, field := range c.blueprints() {
		for _, action := range c.given(field, "actions") {
			at := []string{field, "actions", action}
			for _, phase := range c.given(sub(at, "phases")...) {
				r.cuePhase(c, sub(at, "phases", phase))
			}
			r.cuePhase(c, sub(at, "deferPhase"))
		}
	}
	return c.findings
}

func (r Release) cuePhase(c *cueChecker, at []string) {
	function, known := schema.Function(c.text(sub(at, "func")...))
	if !known {
		return
	}
	if f, refused := r.function(function); refused {
		c.addAt(c.phaseNode(at), sub(at, "func"), f)
		return
	}
	for _, arg := range c.given(sub(at, "args")...) {
		path := sub(at, "args", arg)
		if f, refused := r.argument(function, arg); refused {
			c.addAt(c.labelNode(path...), path, f)
			continue
		}
		if f, refused := r.value(function, arg, c.text(path...)); refused {
			c.addAt(c.valueNode(path...), path, f)
		}
	}
	for _, name := range c.given(sub(at, "objects")...) {
		path := sub(at, "objects", name, "kind")
		if c.text(path...) != "ConfigMap" {
			continue
		}
		if f, refused := r.configMap(name); refused {
			c.addAt(c.valueNode(path...), path, f)
		}
	}
}
