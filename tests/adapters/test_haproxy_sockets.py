"""What HAProxy 3.0 says on its sockets, read."""

from __future__ import annotations

from pvdify.adapters.haproxy_sockets import Row, connections, rows, workers

COLUMNS = (
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health "
    "srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn "
    "srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port"
)
STATE = f"""1
{COLUMNS}
4 alpha 1 v1-web-1 127.0.0.1 2 8 1 1 1 1 0 2 0 0 0 0 - 20001 - 0 0 - - 0
4 alpha 2 v1-web-2 127.0.0.1 0 1 1 1 1 8 2 0 14 0 0 0 - 20002 - 0 0 - - 0
4 alpha 3 v2-web-1 127.0.0.1 2 0 1 1 0 1 0 0 0 0 0 0 - 20003 - 0 0 - - 0
4 alpha 4 v2-web-2 127.0.0.1 0 0 1 1 0 1 0 0 6 0 0 0 - 20004 - 0 0 - - 0

"""
CONNECTIONS = """# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[2]
alpha/v1-web-1 4/1 127.0.0.1 20001 - 5000 3 7 0 0 0 -1 2 1 1
alpha/v2-web-1 4/3 127.0.0.1 20003 - 5000 0 2 0 0 0 -1 4 2 2
"""
PROCESSES = """#<PID>          <type>          <reloads>       <uptime>        <version>
301             master          1 [failed: 0]   0d00h00m02s     3.0.11-1+deb13u4
# workers
332             worker          0               0d00h00m00s     3.0.11-1+deb13u4
# old workers
302             worker          1               0d00h00m02s     3.0.11-1+deb13u4
# programs

"""


def test_servers_are_draining_in_maintenance_down_or_taking_requests() -> None:
    draining, resting, ready, down = rows(STATE)

    assert Row("v1-web-1", 20_001, is_up=True, in_maintenance=False, is_draining=True, is_checked=False) == draining
    assert Row("v1-web-2", 20_002, is_up=False, in_maintenance=True, is_draining=False, is_checked=True) == resting
    assert Row("v2-web-1", 20_003, is_up=True, in_maintenance=False, is_draining=False, is_checked=False) == ready
    assert Row("v2-web-2", 20_004, is_up=False, in_maintenance=False, is_draining=False, is_checked=True) == down
    assert [False, False, True, True] == [row.is_ready for row in rows(STATE)]
    assert () == rows("No such backend.\n")


def test_only_connections_in_use_count() -> None:
    assert {"v1-web-1": 3, "v2-web-1": 0} == connections(CONNECTIONS)
    assert {} == connections("Can't find backend.\n")


def test_old_workers_are_workers() -> None:
    assert (332, 302) == workers(PROCESSES)
    assert () == workers("")
