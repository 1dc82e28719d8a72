# Completion of `pvdify` in bash. Command names have colons, at which bash breaks words: they are put together first.
_pvdify() {
  local cur words cword line
  if declare -F _comp_get_words >/dev/null; then
    _comp_get_words -n : cur words cword
  elif declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n : cur words cword
  else
    cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
  fi
  COMPREPLY=()
  while IFS=, read -r kind line; do
    case $kind in
      dir) compopt -o dirnames ;;
      file) compopt -o default ;;
      plain) COMPREPLY+=("$line") ;;
    esac
  done < <(COMP_WORDS="${words[*]}" COMP_CWORD=$cword _PVDIFY_COMPLETE=bash_complete "$1" 2>/dev/null)
  if declare -F _comp_ltrim_colon_completions >/dev/null; then
    _comp_ltrim_colon_completions "$cur"
  elif declare -F __ltrim_colon_completions >/dev/null; then
    __ltrim_colon_completions "$cur"
  fi
}
complete -o nosort -F _pvdify pvdify
