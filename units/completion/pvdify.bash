# Completion of `pvdify` in bash. Command names have colons, at which bash breaks words (COMP_WORDBREAKS):
# the line is split here at blanks alone, and what bash has already of a word is taken off the answers.
_pvdify() {
  local line=${COMP_LINE:0:COMP_POINT} words cur kind answer
  read -ra words <<<"$line"
  [[ $line == *[[:blank:]] ]] && words+=("")
  cur=${words[-1]}
  COMPREPLY=()
  while IFS=, read -r kind answer; do
    case $kind in
      dir) compopt -o dirnames ;;
      file) compopt -o default ;;
      plain)
        [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]] && answer=${answer#"${cur%"${cur##*:}"}"}
        COMPREPLY+=("$answer")
        ;;
    esac
  done < <(COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]} - 1)) _PVDIFY_COMPLETE=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F _pvdify pvdify
