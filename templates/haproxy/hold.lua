-- Keep a request waiting while its app has servers and none of them is usable: one release makes way for
-- the next. At most a minute, so that a release which never answers is given up first; then the request goes
-- on, and gets a page if there is still no server. A worker that leaves is not told of servers any more: what waits in
-- it goes on to its successor.

local PATIENCE_MS = 60000
local STEP_MS = 20

local function is_swapping(backend)
  for _ in pairs(core.backends[backend].servers) do
    return true
  end
  return false
end

core.register_action("pvdify_hold", { "http-req" }, function(txn, backend)
  for _ = 1, PATIENCE_MS // STEP_MS do
    if txn.f:nbsrv(backend) > 0 or not is_swapping(backend) then
      return
    end
    if txn.f:stopping() ~= 0 then
      txn:set_loglevel(core.silent)
      return
    end
    core.msleep(STEP_MS)
  end
end, 1)
