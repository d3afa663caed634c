import { suiteOfStopped } from './stopped.js'

suiteOfStopped(true)
