-- How Argo CD sees a Canary: what waits for a person, or is withheld by a rule of the fleet, is
-- suspended; what is wrong is degraded.
local hs = {}

local function condition(name)
  for _, each in ipairs((obj.status or {}).conditions or {}) do
    if each.type == name then
      return each
    end
  end
  return {}
end

local status = obj.status or {}
local waiting = type(status.waitingFor) == "table" and status.waitingFor or {}
local stage = type(status.stage) == "table" and status.stage or {}
local ready, invalid, stalled = condition("Ready"), condition("Invalid"), condition("Stalled")
local last = type(status.history) == "table" and status.history[1] or {}

if obj.metadata.deletionTimestamp ~= nil then
  hs.status, hs.message = "Progressing", "gives back the target and the route"
elseif (obj.spec or {}).suspend == true then
  hs.status, hs.message = "Suspended", "spec.suspend is true"
elseif invalid.status == "True" then
  hs.status, hs.message = "Degraded", invalid.message
elseif (status.observedGeneration or 0) < (obj.metadata.generation or 0) then
  hs.status, hs.message = "Progressing", "waiting for the controller"
elseif type(status.paused) == "table" then
  hs.status, hs.message = "Suspended", "paused " .. (status.paused.by or "")
elseif string.match(waiting.reason or "", "Gate$") then
  hs.status, hs.message = "Suspended", waiting.message
elseif status.phase == "Failed" then
  hs.status, hs.message = "Degraded", last.message or ready.message
elseif stalled.status == "True" then
  hs.status, hs.message = "Degraded", stalled.message
elseif stage.name == "Withheld" then
  hs.status, hs.message = "Suspended", waiting.message
elseif ready.status == "True" then
  hs.status, hs.message = "Healthy", ready.message
else
  hs.status, hs.message = "Progressing", waiting.message or ready.message
end
hs.message = hs.message or ""
return hs
