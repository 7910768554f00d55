;;; emacs.el --- What a user of Emacs does, in a real one  -*- lexical-binding: t -*-

;; Run in batch by tests/tests/editors.rs in the folder of app.py, whose process writes what greet() gives into the file
;; `answer`. The configuration is the one that docs/editors/emacs.md gives: its blocks of Emacs Lisp.

;;; Code:

(require 'eglot)
(require 'flymake)
(require 'python)

(setq eglot-autoshutdown nil
      eglot-sync-connect 30
      make-backup-files nil
      python-indent-guess-indent-offset nil)

(defun test-blocks (file)
  "The blocks of Emacs Lisp in FILE, a page in Markdown."
  (with-temp-buffer
    (insert-file-contents file)
    (let (blocks)
      (while (re-search-forward "^```elisp\n\\(\\(?:.*\n\\)*?\\)```$" nil t)
        (push (match-string 1) blocks))
      (nreverse blocks))))

(defun test-evaluate (text)
  "Evaluate all forms of TEXT."
  (with-temp-buffer
    (insert text)
    (eval-buffer)))

(defun test-wait (what holds)
  "Wait until HOLDS gives something, and return it; WHAT is said when it never does."
  (let ((end (+ (float-time) 30)) found)
    (while (not (setq found (funcall holds)))
      (when (> (float-time) end)
        (error "Waited in vain for %s: %S" what (with-current-buffer (messages-buffer) (buffer-string))))
      (accept-process-output nil 0.02))
    found))

(defun test-answer (wanted)
  "Wait until the process answers WANTED."
  (test-wait wanted (lambda ()
                      (with-temp-buffer
                        (insert-file-contents "answer")
                        (equal (string-trim (buffer-string)) wanted)))))

(defun test-line (number text)
  "Replace line NUMBER by TEXT, and leave point there."
  (goto-char (point-min))
  (forward-line (1- number))
  (delete-region (line-beginning-position) (line-end-position))
  (insert text)
  ;; As the idle timer does.
  (eglot--signal-textDocument/didChange))

(defun test-actions ()
  "Titles of the code actions at point, with the actions."
  (mapcar (lambda (action) (cons (plist-get action :title) action))
          (eglot-code-actions (point) (point))))

(defun test-choose (title)
  "Choose the code action TITLE at point as soon as it is offered."
  (let ((action (test-wait title (lambda () (cdr (assoc title (test-actions)))))))
    (eglot-execute (eglot-current-server) action)))

(defmacro test-step (name &rest body)
  "Run BODY, and print NAME when it is done."
  (declare (indent 1))
  `(progn ,@body (princ (format "ok %s\n" ,name))))

(let ((blocks (test-blocks (getenv "HOTSPLICE_EMACS_PAGE"))))
  (test-evaluate (nth 0 blocks))
  (test-step "1 a Python file starts the server"
    (find-file "app.py")
    ;; As after every command of a person.
    (run-hooks 'post-command-hook)
    (test-wait "the server" #'eglot-current-server)
    (cl-assert (eq (key-binding (kbd "C-c C-h")) 'hotsplice-patch-function)))
  (test-step "2 a code action patches the buffer, which is not saved"
    (test-line 4 "    return 'welcome'")
    (test-choose "Hot-patch function `greet`")
    (test-answer "welcome")
    (test-wait "the message" (lambda ()
                               (with-current-buffer (messages-buffer)
                                 (string-match-p "greet is live in 1 process" (buffer-string)))))
    (cl-assert (buffer-modified-p)))
  (test-step "3 the commands do it too"
    (test-line 4 "    return 'again'")
    (hotsplice-patch-function)
    (test-answer "again")
    (hotsplice-undo)
    (test-answer "welcome")
    (hotsplice-patch-file)
    (test-answer "again"))
  (test-step "4 a refusal is an error at its line, with ways on"
    (test-line 3 "def greet(when=1 / 0):")
    (hotsplice-patch-file)
    (flymake-mode 1)
    (let ((found (test-wait "the diagnostic" #'flymake-diagnostics)))
      (cl-assert (string-match-p "HS0103" (flymake-diagnostic-text (car found))))
      (cl-assert (= (line-number-at-pos (flymake-diagnostic-beg (car found))) 3)))
    (test-choose "Explain HS0103")
    (test-wait "the explanation" (lambda ()
                                   (let ((shown (get-file-buffer
                                                 (expand-file-name "HS0103.md" (getenv "HOTSPLICE_RUNTIME_DIR")))))
                                     (and shown (prog1 t (kill-buffer shown))))))
    (set-buffer (get-file-buffer "app.py"))
    (test-line 3 "def greet():")
    (test-wait "its end" (lambda () (null (flymake-diagnostics)))))
  (test-step "5 the name tells what is live"
    (goto-char (point-min))
    (forward-line 2)
    (search-forward "greet")
    (backward-char)
    (let ((hover (eglot--request (eglot-current-server) :textDocument/hover (eglot--TextDocumentPositionParams))))
      (cl-assert (string-match-p "live v" (plist-get (plist-get hover :contents) :value)))))
  (test-step "6 saving patches when that is chosen"
    (test-evaluate (nth 1 blocks))
    (eglot-signal-didChangeConfiguration (eglot-current-server))
    (test-line 4 "    return 'saved'")
    (save-buffer)
    (test-answer "saved"))
  (kill-emacs 0))

;;; emacs.el ends here
