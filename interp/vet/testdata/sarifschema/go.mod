// The module that has the schema of SARIF, as its committee publishes it. It is a
// module of its own because nothing but one test asks for it.
module github.com/rescuecue/rescue/interp/vet/testdata/sarifschema

go 1.26.0

require github.com/owenrumney/go-sarif/v3 v3.3.1
