package compat

// Expr is what a native blueprint says about one value, reduced to what a Go
// template has words for. It is one of the types of this file.
type Expr interface{ expr() }

type (
	// TextExpr is a constant text.
	TextExpr string
	// NumberExpr is a constant number, in decimal.
	NumberExpr string
	// BoolExpr is a constant.
	BoolExpr bool
	// TemplateExpr is a Go template, to be taken over as it is.
	TemplateExpr string

	// ParamExpr reads a parameter, or what a phase has produced.
	ParamExpr struct {
		// Var is the variable of a loop that the path starts at; without it the path
		// starts in the action: input, phases or deferPhase.
		Var  string
		Path []ParamStep
		// Default stands for a key that is missing, which is an error without it.
		Default *string
	}

	// JoinExpr is a text made of parts.
	JoinExpr []Expr
	// ListExpr is a list of known length.
	ListExpr []Expr

	// CallExpr calls a function of CUE or of its packages, such as strings.ToUpper.
	CallExpr struct {
		Func string
		Args []Expr
	}
	// OpExpr applies an operator of CUE, with one or two operands.
	OpExpr struct {
		Op   string
		Args []Expr
	}
	// ExistsExpr asks whether a parameter is there.
	ExistsExpr struct{ Of Expr }

	// ChoiceExpr is the first branch whose condition holds.
	ChoiceExpr []Branch
	// Branch of a choice; without a condition it is taken in any case.
	Branch struct{ If, Then Expr }

	// LoopExpr is a list with one element for each of another.
	LoopExpr struct {
		// Key and Value name the variables; Key may be empty.
		Key, Value string
		Over       Expr
		// If leaves elements out. It may be nil.
		If   Expr
		Body Expr
	}
)

// ParamStep is one step of a path: a name, or a computed index or key.
type ParamStep struct {
	Name  string
	Index Expr
}

func (TextExpr) expr()     {}
func (NumberExpr) expr()   {}
func (BoolExpr) expr()     {}
func (TemplateExpr) expr() {}
func (ParamExpr) expr()    {}
func (JoinExpr) expr()     {}
func (ListExpr) expr()     {}
func (CallExpr) expr()     {}
func (OpExpr) expr()       {}
func (ExistsExpr) expr()   {}
func (ChoiceExpr) expr()   {}
func (LoopExpr) expr()     {}
