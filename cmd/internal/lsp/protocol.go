package lsp

// What the server needs of the language server protocol 3.17, in its own spelling.
type (
	position struct {
		Line      int `json:"line"`
		Character int `json:"character"` // in UTF-16 code units
	}
	textRange struct {
		Start position `json:"start"`
		End   position `json:"end"`
	}
	location struct {
		URI   string    `json:"uri"`
		Range textRange `json:"range"`
	}
	textEdit struct {
		Range   textRange `json:"range"`
		NewText string    `json:"newText"`
	}
	markup struct {
		Kind  string `json:"kind"`
		Value string `json:"value"`
	}
	documentID struct {
		URI string `json:"uri"`
	}
	documentItem struct {
		URI        string `json:"uri"`
		LanguageID string `json:"languageId"`
		Version    int    `json:"version"`
		Text       string `json:"text"`
	}
	versionedID struct {
		URI     string `json:"uri"`
		Version int    `json:"version"`
	}
	contentChange struct {
		Range *textRange `json:"range"`
		Text  string     `json:"text"`
	}
)

// Parameters of what the client sends.
type (
	initializeParams struct {
		ProcessID int `json:"processId"`
	}
	didOpenParams struct {
		TextDocument documentItem `json:"textDocument"`
	}
	didChangeParams struct {
		TextDocument   versionedID     `json:"textDocument"`
		ContentChanges []contentChange `json:"contentChanges"`
	}
	documentParams struct {
		TextDocument documentID `json:"textDocument"`
	}
	positionParams struct {
		TextDocument documentID `json:"textDocument"`
		Position     position   `json:"position"`
	}
	codeActionParams struct {
		TextDocument documentID `json:"textDocument"`
		Range        textRange  `json:"range"`
	}
)

// What the server answers and sends.
type (
	initializeResult struct {
		Capabilities map[string]any    `json:"capabilities"`
		ServerInfo   map[string]string `json:"serverInfo"`
	}
	diagnostic struct {
		Range           textRange        `json:"range"`
		Severity        int              `json:"severity"`
		Code            string           `json:"code"`
		CodeDescription *codeDescription `json:"codeDescription,omitempty"`
		Source          string           `json:"source"`
		Message         string           `json:"message"`
	}
	codeDescription struct {
		Href string `json:"href"`
	}
	publishParams struct {
		URI         string       `json:"uri"`
		Version     *int         `json:"version,omitempty"`
		Diagnostics []diagnostic `json:"diagnostics"`
	}
	hover struct {
		Contents markup     `json:"contents"`
		Range    *textRange `json:"range,omitempty"`
	}
	completionList struct {
		IsIncomplete bool             `json:"isIncomplete"`
		Items        []completionItem `json:"items"`
	}
	completionItem struct {
		Label         string         `json:"label"`
		Kind          completionKind `json:"kind"`
		Detail        string         `json:"detail,omitempty"`
		Documentation *markup        `json:"documentation,omitempty"`
		SortText      string         `json:"sortText,omitempty"`
		Deprecated    bool           `json:"deprecated,omitempty"`
		TextEdit      *textEdit      `json:"textEdit,omitempty"`
	}
	codeAction struct {
		Title       string        `json:"title"`
		Kind        string        `json:"kind"`
		Diagnostics []diagnostic  `json:"diagnostics,omitempty"`
		IsPreferred bool          `json:"isPreferred,omitempty"`
		Edit        workspaceEdit `json:"edit"`
	}
	workspaceEdit struct {
		Changes map[string][]textEdit `json:"changes"`
	}
	documentSymbol struct {
		Name           string           `json:"name"`
		Detail         string           `json:"detail,omitempty"`
		Kind           int              `json:"kind"`
		Range          textRange        `json:"range"`
		SelectionRange textRange        `json:"selectionRange"`
		Children       []documentSymbol `json:"children,omitempty"`
	}
	logMessage struct {
		Type    int    `json:"type"`
		Message string `json:"message"`
	}
)

// A completionKind is the icon that editors show.
type completionKind int

const (
	kindFunction completionKind = 3
	kindField    completionKind = 5
	kindVariable completionKind = 6
	kindModule   completionKind = 9
	kindProperty completionKind = 10
	kindValue    completionKind = 12
	kindKeyword  completionKind = 14
)

// Severities of diagnostics and log messages, and kinds of symbols in an outline.
const (
	severityError       = 1
	severityWarning     = 2
	severityInformation = 3

	logError = 1

	symbolNamespace = 3
	symbolFunction  = 12
	symbolVariable  = 13
	symbolEvent     = 24
)
