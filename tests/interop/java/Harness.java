import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs cases and reports each in a line: {@code ok}, case, seconds; or {@code failed}, case, seconds, why. Fields end with
 * tabs. The program is started with the broker's address and the names of the cases to run; none means all of them.
 */
final class Harness {
    /** How long anything may take that a case waits for. */
    static final Duration PATIENCE = Duration.ofSeconds(60);

    interface Case {
        void run() throws Exception;
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    private final Map<String, Case> cases = new LinkedHashMap<>();

    void add(String name, Case run) {
        cases.put(name, run);
    }

    void run(String[] arguments) {
        List<String> names = Arrays.asList(arguments).subList(1, arguments.length);
        int failures = 0;
        for (Map.Entry<String, Case> each : cases.entrySet()) {
            if (!names.isEmpty() && !names.contains(each.getKey())) {
                continue;
            }
            long begun = System.nanoTime();
            String why = null;
            try {
                each.getValue().run();
            } catch (Throwable failure) {
                failure.printStackTrace();
                why = failure.toString().replace('\n', ' ');
                failures++;
            }
            String seconds = String.format("%.2f", (System.nanoTime() - begun) / 1e9);
            String line = (why == null ? "ok" : "failed") + "\t" + each.getKey() + "\t" + seconds;
            System.out.println(why == null ? line : line + "\t" + why);
        }
        System.exit(failures > 0 ? 1 : 0);
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static void equal(Object found, Object wanted, String what) {
        check(wanted.equals(found), what + ": " + found + " instead of " + wanted);
    }

    static void waitUntil(String what, Condition condition) throws Exception {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.holds()) {
            check(System.nanoTime() < end, what + " within " + PATIENCE);
            Thread.sleep(20);
        }
    }
}
