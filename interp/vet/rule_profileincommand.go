package vet

// profileInCommand reports profiles, which hold the credentials of the location, that
// are written into a command. It is how Kanister's tool gets at them, so the rule is
// off unless asked for.
func profileInCommand(o *outline) {
	o.eachPhase(func(p *outlinePhase) {
		p.commandsWith(ref.profile, Finding{
			Rule:       ruleProfileInCommand,
			Suggestion: "let a function move the data, such as CopyVolumeData: then no command holds credentials",
		})
	})
}
