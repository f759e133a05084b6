package polymarket.backfill.clickhouse;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Makes the tables of the jobs and the views over them, from the files below sql/. */
public final class Views {

    private Views() {
    }

    /** Makes what a job stores into, where it is not there. */
    public static void create(ClickHouse clickHouse, String job) {
        clickHouse.execute(SqlFile.read("tables").section("setup"), Map.of());
        clickHouse.execute(SqlFile.read(job).section("setup"), Map.of());
    }

    /**
     * Makes the tables of all jobs where they are not there, and all views anew.
     *
     * @return the views' names with their databases
     */
    public static List<String> refresh(ClickHouse clickHouse, List<String> jobs) {
        jobs.forEach(job -> create(clickHouse, job));
        List<String> made = new ArrayList<>();
        for (SqlFile.Section view : SqlFile.read("views").sections("view")) {
            clickHouse.execute(view, Map.of());
            made.add(view.title());
        }
        return made;
    }
}
