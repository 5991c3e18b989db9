-- Which commands Argo CD offers for a Canary now.
local status = obj.status or {}
local phase = status.phase or ""
local waiting = type(status.waitingFor) == "table" and status.waitingFor or {}
local running = phase == "Waiting" or phase == "Progressing" or phase == "WaitingPromotion"
local gated = running and string.match(waiting.reason or "", "Gate$") ~= nil
-- What no command passes, and what is passed in a hurry.
local stopped = waiting.reason == "Stopped" or waiting.reason == "PolicyUnreadable"
local hurried = waiting.reason == "Frozen" or waiting.reason == "Queued" or waiting.reason == "FleetWave"
local paused = type(status.paused) == "table"

local actions = {}
actions["abort"] = { ["disabled"] = not running }
actions["approve"] = { ["disabled"] = not gated }
actions["expedite"] = { ["disabled"] = not running or not hurried }
actions["pause"] = { ["disabled"] = not running or paused }
actions["promote"] = { ["disabled"] = not running or stopped }
actions["reject"] = { ["disabled"] = not gated }
actions["resume"] = { ["disabled"] = not paused }
actions["retry"] = { ["disabled"] = phase ~= "Failed" }
actions["skip"] = { ["disabled"] = not running or stopped or phase == "Waiting" }
return actions
