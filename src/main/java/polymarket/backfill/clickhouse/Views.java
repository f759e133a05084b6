package polymarket.backfill.clickhouse;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Makes the tables of the jobs and the views over them, from the files below sql/. */
public final class Views {

    private Views() {
    }

    /** Makes what a job stores into, where it is not there. */
    public static void create(ClickHouse clickHouse, String job) {
        clickHouse.execute(SqlFile.read("tables").section("setup"), Map.of());
        setup(job).forEach(clickHouse::execute);
    }

    /**
     * The statements that make what a job stores into. Before them stand those of the jobs that its setup names, as in
     * {@code -- @setup after=markets,fills}, because it reads or fills their tables.
     */
    public static List<String> setup(String job) {
        Set<String> statements = new LinkedHashSet<>();
        SqlFile.Section setup = SqlFile.read(job).section("setup");
        if (setup.title().startsWith("after=")) {
            for (String before : setup.title().substring("after=".length()).split(",")) {
                statements.addAll(setup(before));
            }
        }
        statements.addAll(setup.statements());
        return List.copyOf(statements);
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
